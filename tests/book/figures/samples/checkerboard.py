LABEL = "Counts of how many kernel stamps cover each output cell."
DATA: dict = {}
