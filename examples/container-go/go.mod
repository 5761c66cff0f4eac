module example.org/notes-importer

go 1.18
