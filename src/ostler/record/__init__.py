"""Recording of programs: which calls are looked at, who looks, and what is written down of them."""
