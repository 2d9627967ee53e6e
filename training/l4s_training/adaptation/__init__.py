"""From labelled source images to unlabelled target images: pseudo-labels, mix-up, ensembles of teachers.

What a network itself needs for it is in `l4s_training.models`: Monte Carlo dropout (`mc_dropout`), cross-sensor
normalisation (`cross_sensor`).
"""
