"""An app for the tests of `stack`: each site says who it is."""
