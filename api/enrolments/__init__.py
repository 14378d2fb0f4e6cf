"""Enrolment by a one-time code that this service never sees."""
