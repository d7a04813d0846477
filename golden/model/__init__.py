"""The float diffusion transformer: model, data, sampler, training and checkpoints."""
