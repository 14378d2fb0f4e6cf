"""What an ethics reviewer reads, signs, stops and checks of a study."""
