"""A databox in miniature: a stack to practise on, where everything is real but the remote APIs."""
