"""Where rollouts run."""
