LABEL = "Towers and maps of what each output cell adds up, for a transposed convolution and for a resize-convolution."
DATA: dict = {"trained": [{"name": "kernel 3, trained", "stride": 2, "weights": [0.43, 0.97, 0.43]}]}
