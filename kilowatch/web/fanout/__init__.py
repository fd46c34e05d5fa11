"""Turns subscriptions that ask alike into groups that are told alike, at the cost of one."""
