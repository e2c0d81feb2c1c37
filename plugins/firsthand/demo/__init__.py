"""The whole loop on the toy week, stage by stage, resumable."""
