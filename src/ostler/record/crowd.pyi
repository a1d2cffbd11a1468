from ostler.record.places import RememberedPlaces

class Crowd(RememberedPlaces):
    processes: int
