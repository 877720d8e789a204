"""Making traces: rollouts of the program, and (later) new inputs."""
