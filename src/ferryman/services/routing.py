from ferryman.services.app import routes_of as routes_of
