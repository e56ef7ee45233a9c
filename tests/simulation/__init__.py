"""The whole engine on a virtual clock: one thread, one seed, one PMS in memory that lies, drops, delays and forgets.

Real are: intake, enqueue, the failure desk, board moves, the deliverer, the checker, the engine's timetable, the
store's rows and SQL (SQLite in memory). Played are: time, the threads, the PMS, the network, the people, and the end
of the process, which may come before or after any statement to the store and within any call to the PMS.
Power loss and real processes are not in it: see tests/faults and tests/storage.
"""
