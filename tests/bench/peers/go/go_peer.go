// Go doing the same work as our own programs, one figure a run:
//
//	go_peer --work WORK [--option value]...    `--work list` names the works it can do
//
// It has one processor to run goroutines on (GOMAXPROCS 1), as the others have one thread; the garbage collector is as
// Go ships it. A goroutine may go from one system thread to another, so what it takes of the processor is counted for
// the whole process: Go's own threads, which watch and collect, are part of what it costs.
package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
)

// A work prints its figures; the first is the peer's.
type work struct {
	name string
	run  func(options)
}

var works = []work{
	{"yield", yield},
	{"spawn_join", spawnJoin},
	{"spawn_batch", spawnBatch},
	{"skynet", skynet},
	{"lock", lock},
	{"notify", notify},
	{"channel", channel},
	{"mutex", mutex},
	{"condition", condition},
	{"sleep", sleep},
	{"mpsc", mpsc},
	{"echo", echo},
	{"parked", parked},
}

// Those it has no use for are in it too, and ignored: all peers are called with the same ones.
type options map[string]string

func fail(code int, message string) {
	fmt.Fprintln(os.Stderr, message)
	os.Exit(code)
}

func check(err error) {
	if err != nil {
		fail(1, err.Error())
	}
}

// A number of at least 1.
func (o options) count(name string, otherwise int) int {
	text, given := o[name]
	if !given {
		return otherwise
	}
	value, err := strconv.Atoi(text)
	if err != nil || value < 1 {
		fail(2, "--"+name+" must be a whole number of at least 1")
	}
	return value
}

// One of the choices; the first is taken when nothing is said.
func (o options) choice(name string, choices ...string) string {
	text, given := o[name]
	if !given {
		return choices[0]
	}
	for _, choice := range choices {
		if text == choice {
			return text
		}
	}
	fail(2, fmt.Sprintf("--%s takes one of %v", name, choices))
	return ""
}

func parse(arguments []string) options {
	given := options{}
	for i := 0; i < len(arguments); i += 2 {
		if len(arguments[i]) < 3 || arguments[i][:2] != "--" || i+1 == len(arguments) {
			fail(2, "usage: go_peer --work WORK [--option value]...")
		}
		given[arguments[i][2:]] = arguments[i+1]
	}
	return given
}

func main() {
	runtime.GOMAXPROCS(1)
	given := parse(os.Args[1:])
	if given["work"] == "list" {
		for _, work := range works {
			fmt.Println(work.name)
		}
		return
	}
	for _, work := range works {
		if work.name == given["work"] {
			work.run(given)
			return
		}
	}
	fail(2, "--work takes what `--work list` names")
}
