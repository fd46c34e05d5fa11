"""Turns register readings and a prepaid balance into when the units run out; kilowatch calls it, store feeds it."""
