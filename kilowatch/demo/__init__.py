"""The demonstration: embedded services, simulated meters and 13 months of history, started in one go."""
