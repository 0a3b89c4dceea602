package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"unsafe"
)

type processorSet [16]uint64

func (set *processorSet) call(number, thread int) syscall.Errno {
	_, _, errno := syscall.RawSyscall(uintptr(number), uintptr(thread), unsafe.Sizeof(*set), uintptr(unsafe.Pointer(set)))
	return errno
}

// Every thread of this process runs on the second processor, where there is one: the clients have the first.
func pin() {
	var set processorSet
	if set.call(syscall.SYS_SCHED_GETAFFINITY, 0) != 0 || set[0]&2 == 0 {
		return
	}
	set = processorSet{2}
	threads, err := os.ReadDir("/proc/self/task")
	check(err)
	for _, thread := range threads {
		id, err := strconv.Atoi(thread.Name())
		check(err)
		errno := set.call(syscall.SYS_SCHED_SETAFFINITY, id)
		if errno != 0 && errno != syscall.ESRCH { // a thread may have ended by now
			check(errno)
		}
	}
}

// Descriptors for so many connections.
func allow(connections int) {
	wanted := uint64(connections) + 64
	var limit syscall.Rlimit
	check(syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit))
	if limit.Cur >= wanted {
		return
	}
	if limit.Cur = wanted; limit.Max < wanted {
		limit.Max = wanted
	}
	if syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit) != nil {
		fail(77, "so many descriptors are not allowed here (ulimit -n)")
	}
}

// The clients. What goes wrong with them the server would wait for in vain: so the whole program ends.
func startClients(listener net.Listener, connections, total int) {
	self, err := os.Executable()
	check(err)
	port := listener.Addr().(*net.TCPAddr).Port
	program := filepath.Join(filepath.Dir(self), "echo_client")
	clients := exec.Command(program, fmt.Sprint(port), fmt.Sprint(connections), fmt.Sprint(total))
	clients.Stderr = os.Stderr
	check(clients.Start())
	go func() { check(clients.Wait()) }()
}

// A server of a goroutine for each connection. The messages between the first ones and the last are timed.
func serve(connections, total int) float64 {
	warmUp := uint64(2*connections + 1000)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	defer listener.Close()
	startClients(listener, connections, int(warmUp)+total+connections)
	var count atomic.Uint64
	var start, stop int64
	var all sync.WaitGroup
	all.Add(connections)
	for i := 0; i < connections; i++ {
		connection, err := listener.Accept()
		check(err)
		go func() {
			defer all.Done()
			defer connection.Close()
			buffer := make([]byte, 4096)
			for {
				got, err := connection.Read(buffer)
				if err != nil { // the end: the clients say themselves what goes wrong
					return
				}
				_, err = connection.Write(buffer[:got])
				check(err)
				switch count.Add(1) {
				case warmUp:
					start = cpu()
				case warmUp + uint64(total):
					stop = cpu()
				}
			}
		}()
	}
	all.Wait()
	if count.Load() != warmUp+uint64(total+connections) {
		fail(1, "messages were lost")
	}
	return float64(stop-start) / 1000 / float64(total)
}

func echo(o options) {
	connections, total := o.count("connections", 50), o.count("total", 50_000)
	allow(connections)
	pin()
	figure("peer", least(func() float64 { return serve(connections, total) }), "us/message")
}
