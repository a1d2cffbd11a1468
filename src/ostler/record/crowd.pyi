from ostler.record.seen_links import SeenLinks

class Crowd(SeenLinks):
    processes: int
