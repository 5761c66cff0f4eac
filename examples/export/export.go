// Exports files with Go's library alone, from 1.18 on: go run export.go SERVER_APP_KEY FILE...
// FERRYMAN_URL and FERRYMAN_SERVER_TOKEN say where to. After a crash, run it again: it resumes.
package main

import (
	"bytes"
	"crypto/md5"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

type object = map[string]any

var headers = object{"Content-Type": "application/json"}

// Sends a request, and again for two minutes while the answer is lost or says "later".
func request(method, url string, headers object, body []byte, tries int) (answer object) {
	sent, _ := http.NewRequest(method, url, bytes.NewReader(body))
	for name, value := range headers {
		sent.Header.Set(name, fmt.Sprint(value))
	}
	got, err := http.DefaultClient.Do(sent)
	if err != nil {
		got = &http.Response{Status: "503 no answer", Body: http.NoBody}
	}
	text, err := io.ReadAll(got.Body)
	if got.StatusCode == 200 && err == nil {
		answer = object{"etag": strings.Trim(got.Header.Get("ETag"), `"`)}
		json.Unmarshal(text, &answer)
		return answer
	}
	if tries == 7 || !strings.Contains("200 408 429 500 502 503 504", got.Status[:3]) {
		log.Fatalf("%s %s: %s %s", method, sent.URL.Path, got.Status, text)
	}
	asked, _ := time.ParseDuration(got.Header.Get("Retry-After") + "s")
	time.Sleep(asked + time.Second<<tries)
	return request(method, url, headers, body, tries+1)
}

func call(method, path string, body object) object {
	text, _ := json.Marshal(body)
	return request(method, os.Getenv("FERRYMAN_URL")+"/server/v1"+path, headers, text, 0)
}

// Sends a part, unless the store holds it since before a crash; returns it with its etag.
func sendPart(upload object, held []any, number int, data []byte) object {
	part := object{"number": number, "size": len(data), "md5": fmt.Sprintf("%x", md5.Sum(data))}
	part["sha256"] = fmt.Sprintf("%x", sha256.Sum256(data))
	if number <= len(held) {
		same := held[number-1].(object)
		part["etag"] = strings.Trim(same["etag"].(string), `"`)
		if same["sha256"] == part["sha256"] || part["etag"] == part["md5"] {
			return part
		}
	}
	parts := fmt.Sprintf("/uploads/%s/parts", upload["uploadId"])
	to := call("POST", parts, object{"parts": []object{part}})["parts"].([]any)[0].(object)
	url, headers := to["url"].(string), to["headers"].(object)
	part["etag"] = request(to["method"].(string), url, headers, data, 0)["etag"]
	if upload["compareEtags"] == true && part["etag"] != part["md5"] {
		log.Fatalf("Part %d was altered on its way.", number)
	}
	return part
}

func main() {
	headers["Authorization"] = "Bearer " + os.Getenv("FERRYMAN_SERVER_TOKEN")
	host, _ := os.Hostname()
	agent := object{"serverAppKeys": os.Args[1:2], "agentId": host, "waitSeconds": 25}
	var claimed object
	for claimed == nil {
		claimed, _ = call("POST", "/listeners/claim", agent)["transfer"].(object)
	}
	headers["Ferryman-Claim"] = claimed["claims"]
	transfer := fmt.Sprint("/transfers/", claimed["transferId"])
	for _, path := range os.Args[2:] {
		label := filepath.Base(path)
		upload := call("POST", transfer+"/app-data", object{"label": label, "resumeKey": label})
		held := call("GET", fmt.Sprint("/uploads/", upload["uploadId"]), nil)["parts"].([]any)
		file, err := os.Open(path)
		parts, data, size := []object{}, make([]byte, int(upload["partSize"].(float64))), 0
		for err == nil {
			size, err = io.ReadFull(file, data)
			if size > 0 || err == io.EOF && len(parts) == 0 {
				parts = append(parts, sendPart(upload, held, len(parts)+1, data[:size]))
			}
		}
		if err != io.EOF && err != io.ErrUnexpectedEOF {
			log.Fatal(err)
		}
		call("POST", "/uploads/"+upload["uploadId"].(string)+"/complete", object{"parts": parts})
		fmt.Printf("%s: parts %d, held before %d\n", label, len(parts), len(held))
	}
	call("POST", transfer+"/complete-export", object{})
}
