"""Real servers for tests: started on a free loopback port with a data folder of their own, stopped by process id."""
