"""A page for each hardware unit: its contract, its ports, its planted bugs, and a timing diagram that was recorded."""
