package main

import (
	"fmt"
	"math/rand"
	"os"
	"runtime"
	"sync"
	"time"
)

// N goroutines that do nothing but give way K times each. The clock runs from when all of them may go on to the end of
// the first, so that every yield between the two points is one of N goroutines that are all ready. A goroutine that
// spawns for long is preempted and those it has made start before the last is there, so all wait at a gate; and they do
// not take turns quite in order, so the yields are counted. Only one runs at a time (GOMAXPROCS 1): no lock is needed.
func yield(o options) {
	tasks, total := o.count("tasks", 1000), o.count("total", 100_000)
	each := total / tasks
	if each < 20 {
		each = 20
	}
	figure("peer", least(func() float64 {
		var all sync.WaitGroup
		gate := make(chan struct{})
		var started, finished, yields, counted int
		var start, stop int64
		all.Add(tasks)
		for i := 0; i < tasks; i++ {
			go func() {
				if started++; started < tasks {
					<-gate
				} else {
					close(gate)
					// To open the gate for many takes so long that some may have passed it by now.
					start, yields = cpu(), 0
				}
				for i := 0; i < each; i++ {
					runtime.Gosched()
					yields++
				}
				if finished++; finished == 1 {
					stop, counted = cpu(), yields
				}
				all.Done()
			}()
		}
		all.Wait()
		return float64(stop-start) / float64(counted)
	}), "ns/yield")
}

// An unbuffered channel is what Go joins a single goroutine by.
func spawnJoin(o options) {
	total := o.count("total", 100_000)
	figure("peer", least(func() float64 {
		done := make(chan struct{})
		return cpuPer(total, func() {
			for i := 0; i < total; i++ {
				go func() { done <- struct{}{} }()
				<-done
			}
		})
	}), "ns/task")
}

// A wait group is what it joins many by.
func spawnBatch(o options) {
	tasks := o.count("tasks", 100_000)
	batch := func() float64 {
		return cpuPer(tasks, func() {
			var all sync.WaitGroup
			all.Add(tasks)
			for i := 0; i < tasks; i++ {
				go all.Done()
			}
			all.Wait()
		})
	}
	result := batch()
	if o.choice("round", "warm", "first") == "warm" {
		result = least(batch)
	}
	figure("peer", result, "ns/task")
}

// Each node has ten children and adds up what they send; the channel has room for all, so that no child waits.
func skynetNode(sum chan<- int, first, leaves int) {
	if leaves == 1 {
		sum <- first
		return
	}
	children := make(chan int, 10)
	for i := 0; i < 10; i++ {
		go skynetNode(children, first+i*(leaves/10), leaves/10)
	}
	total := 0
	for i := 0; i < 10; i++ {
		total += <-children
	}
	sum <- total
}

func skynet(o options) {
	leaves := o.count("leaves", 1_000_000)
	for rest := leaves; rest > 1; rest /= 10 {
		if rest%10 != 0 {
			fail(2, "--leaves must be a power of 10")
		}
	}
	build := func() float64 {
		sum := make(chan int, 1)
		took := wall(func() {
			go skynetNode(sum, 0, leaves)
			if got := <-sum; got != leaves*(leaves-1)/2 {
				fail(1, fmt.Sprint("skynet: a wrong sum: ", got))
			}
		})
		return float64(took) / float64(time.Millisecond)
	}
	first := build()
	figure("peer", median(build), "ms")
	figure("first", first, "ms")
	figure("peak", memory("VmHWM")/(1<<20), "MiB")
}

// Each sleeps 500 to 1,500 ms. Nothing runs in between, so the processor time is that of spawn, arm, fire and join.
func sleep(o options) {
	tasks := o.count("tasks", 100_000)
	figure("peer", least(func() float64 {
		random := rand.New(rand.NewSource(1))
		return cpuPer(tasks, func() {
			var all sync.WaitGroup
			all.Add(tasks)
			for i := 0; i < tasks; i++ {
				length := time.Duration(500_000+random.Intn(1_000_001)) * time.Microsecond
				go func() {
					time.Sleep(length)
					all.Done()
				}()
			}
			all.Wait()
		})
	}), "ns/sleep")
}

// Memory while N goroutines wait: each for the one before it (`chain`), for an hour (`sleep`), or for what never comes
// (`unstarted`). A goroutine has its stack from the start, so those of the last kind cost the same whether they have
// run yet or not; Go may let them.
func parked(o options) {
	tasks := o.count("tasks", 100_000)
	state := o.choice("state", "chain", "sleep", "unstarted")
	look := func() (float64, float64, float64) { return memory("VmRSS"), memory("VmPTE"), mappings() }
	look() // what the first one takes for itself is not the tasks'
	resident, tables, maps := look()
	started := 0
	never := make(chan struct{})
	sleeper := func() {
		started++
		time.Sleep(time.Hour)
	}
	previous := make(chan struct{})
	for i := 0; i < tasks; i++ {
		switch {
		case state == "unstarted":
			go func() { <-never }()
		case state == "sleep" || i == 0:
			go sleeper()
		default:
			awaited, done := previous, make(chan struct{})
			previous = done
			go func() {
				started++
				<-awaited
				close(done)
			}()
		}
	}
	for deadline := time.Now().Add(time.Minute); state != "unstarted" && started < tasks; runtime.Gosched() {
		if time.Now().After(deadline) {
			fail(1, "the goroutines are not in the state that was to be counted")
		}
	}
	resident, tables, maps = memory("VmRSS")-resident, memory("VmPTE")-tables, mappings()-maps
	n := float64(tasks)
	figure("peer", (resident+tables)/n, "B/task")
	figure("resident", resident/n, "B/task")
	figure("page_tables", tables/n, "B/task")
	figure("mappings", maps, "more")
	os.Exit(0)
}
