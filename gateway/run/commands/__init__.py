"""The commands of `keybrake`, a file for each group: what it asks the gateway, and what it
shows."""
