// A container service of a Forge app, with Go's library alone: imports each file of a migration,
// lines of JSON with notes, and gives their authors the ids that they have in the cloud.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"path/filepath"
)

const (
	uploaded   = "avi:ecosystem.migration:uploaded:app_data"
	surface    = "/app/migration/forge/v1"
	user       = "jira.username/"
	mostKeys   = 100     // in one call for mappings
	longestRow = 1 << 20 // bytes
)

// Event is the part of an event that the importer uses.
type Event struct {
	EventType, TransferID, MessageID, Key, Label string
}

// Note is a line of a file.
type Note struct {
	ID     string `json:"id"`
	Author string `json:"author"`
	Title  string `json:"title"`
}

// Invocation calls the platform on behalf of one event.
type Invocation struct{ id string }

func (i Invocation) call(method, path string, body any) (io.ReadCloser, error) {
	var text bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&text).Encode(body); err != nil {
			return nil, err
		}
	}
	request, err := http.NewRequest(method, os.Getenv("FORGE_EGRESS_PROXY_URL")+surface+path, &text)
	if err != nil {
		return nil, err
	}
	request.Header.Set("forge-proxy-authorization", "Forge as=app,id="+i.id)
	request.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode != http.StatusOK {
		defer answer.Body.Close()
		why, _ := io.ReadAll(io.LimitReader(answer.Body, 2000))
		return nil, fmt.Errorf("%s %s: %s: %s", method, path, answer.Status, why)
	}
	return answer.Body, nil
}

func (i Invocation) send(path string, body, result any) error {
	answer, err := i.call(http.MethodPost, path, body)
	if err != nil {
		return err
	}
	defer answer.Close()
	if result == nil {
		return nil
	}
	return json.NewDecoder(answer).Decode(result)
}

func (i Invocation) acknowledge(event Event, status string) error {
	body := map[string]any{"status": status, "messageIds": []string{event.MessageID}}
	return i.send("/message/"+event.TransferID+"/status", body, nil)
}

func (i Invocation) importFile(event Event) (int, error) {
	payload, err := i.call(http.MethodGet, "/data/"+event.Key+"/payload", nil)
	if err != nil {
		return 0, err
	}
	defer payload.Close()
	folder := os.Getenv("NOTES_DIR")
	out, err := os.CreateTemp(folder, "notes-*.part")
	if err != nil {
		return 0, err
	}
	defer os.Remove(out.Name()) // does nothing once it has its own name
	defer out.Close()
	lines, count := bufio.NewScanner(payload), 0
	lines.Buffer(nil, longestRow)
	for {
		var notes []Note
		for len(notes) < mostKeys && lines.Scan() {
			var note Note
			if err := json.Unmarshal(lines.Bytes(), &note); err != nil {
				return 0, err
			}
			notes = append(notes, note)
		}
		if len(notes) == 0 {
			break
		}
		if err := i.translate(event, notes); err != nil {
			return 0, err
		}
		for _, note := range notes {
			if err := json.NewEncoder(out).Encode(note); err != nil {
				return 0, err
			}
		}
		count += len(notes)
	}
	if err := lines.Err(); err != nil {
		return 0, err
	}
	// An event may come twice: the file gets its name at the end, and the same one each time.
	return count, os.Rename(out.Name(), filepath.Join(folder, event.MessageID+".jsonl"))
}

func (i Invocation) translate(event Event, notes []Note) error {
	unique := map[string]bool{}
	for _, note := range notes {
		unique[user+note.Author] = true
	}
	var authors []string
	for author := range unique {
		authors = append(authors, author)
	}
	found := map[string]string{}
	err := i.send("/mapping/"+event.TransferID+"/find?namespace=identity:user", authors, &found)
	for n := range notes {
		notes[n].Author = found[user+notes[n].Author]
	}
	return err
}

func (i Invocation) work(event Event) {
	count, err := i.importFile(event)
	status := "SUCCESS"
	if err != nil {
		status = "FAILED"
		log.Printf("%s is not imported: %v", event.Label, err)
	} else {
		said := fmt.Sprintf("%d notes of %s are imported", count, event.Label)
		err = i.send("/log/"+event.TransferID, map[string]string{"message": said}, nil)
	}
	if problem := i.acknowledge(event, status); problem != nil || err != nil {
		log.Print(problem, err)
	}
}

func events(answer http.ResponseWriter, request *http.Request) {
	var event Event
	if err := json.NewDecoder(request.Body).Decode(&event); err != nil {
		http.Error(answer, err.Error(), http.StatusBadRequest)
		return
	}
	// The platform waits for seconds, an import may take minutes: answer first, then work.
	answer.WriteHeader(http.StatusAccepted)
	if event.EventType == uploaded {
		go Invocation{request.Header.Get("x-forge-invocation-id")}.work(event)
	}
}

func main() {
	port := os.Getenv("PORT")
	if port == "" {
		port = "8080"
	}
	if err := os.MkdirAll(os.Getenv("NOTES_DIR"), 0o755); err != nil {
		log.Fatal(err)
	}
	http.HandleFunc("/health", func(http.ResponseWriter, *http.Request) {})
	http.HandleFunc("/migration/events", events)
	log.Fatal(http.ListenAndServe(":"+port, nil))
}
