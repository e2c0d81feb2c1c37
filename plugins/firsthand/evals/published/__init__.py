"""Tables that others published, beside runs of ours and clearly apart from them."""
