"""The network: attention, layers, stacks, and the encoder-decoder made of them.

One legend for all shapes in this package:

    batch     sequences computed together
    queries   positions that attend (the new target tokens, or all of a sequence)
    keys      positions that are attended to (the source, or the target so far)
    heads     attention heads; heads * d_head = d_model
    d_model   width of the residual stream
    vocab     token ids that the model can generate
"""
