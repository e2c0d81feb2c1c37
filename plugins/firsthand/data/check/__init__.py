"""Every row of a data file against what its reader will do with it, before GPUs are booked; decodes on request."""
