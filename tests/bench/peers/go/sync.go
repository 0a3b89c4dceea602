package main

import (
	"runtime"
	"sync"
	"time"
)

// Lock and unlock, again and again; nobody else wants it.
func lock(o options) {
	total := o.count("total", 400_000)
	figure("peer", least(func() float64 {
		var mutex sync.Mutex
		return cpuPer(total, func() {
			for i := 0; i < total; i++ {
				mutex.Lock()
				mutex.Unlock()
			}
		})
	}), "ns/pair")
}

// Two goroutines, one of which is always waiting for the other; a hop is what one does to make the other go on, and
// the other's way back into its code.
func hops(o options, first, second func()) {
	rounds := (o.count("total", 400_000) + 1) / 2
	figure("peer", least(func() float64 {
		return cpuPer(2*rounds, func() {
			var all sync.WaitGroup
			all.Add(2)
			for _, step := range []func(){first, second} {
				go func(step func()) {
					for i := 0; i < rounds; i++ {
						step()
					}
					all.Done()
				}(step)
			}
			all.Wait()
		})
	}), "ns/hop")
}

// A channel of empty structs is how Go tells another goroutine something; unbuffered, it goes straight to who waits.
func notify(o options) {
	there, back := make(chan struct{}), make(chan struct{})
	hops(o,
		func() { <-there; back <- struct{}{} },
		func() { there <- struct{}{}; <-back })
}

func channel(o options) {
	there, back := make(chan uint64, 1), make(chan uint64, 1)
	step := func(from, to chan uint64) func() {
		return func() { to <- <-from }
	}
	there <- 1
	hops(o, step(there, back), step(back, there))
}

// Who unlocks a sync.Mutex and locks it again gets it before the one who waits, so one mutex does not go to and fro.
// Go lets a goroutine unlock what another has locked: so each waits for a mutex of its own, which the other unlocks.
func mutex(o options) {
	var mine, yours sync.Mutex
	mine.Lock()
	yours.Lock()
	hops(o,
		func() { mine.Lock(); yours.Unlock() },
		func() { mine.Unlock(); yours.Lock() })
}

func condition(o options) {
	var mutex sync.Mutex
	changed := sync.NewCond(&mutex)
	turn := 0
	step := func(own int) func() {
		return func() {
			mutex.Lock()
			for turn != own {
				changed.Wait()
			}
			turn = 1 - own
			changed.Signal()
			mutex.Unlock()
		}
	}
	hops(o, step(0), step(1))
}

// Messages from a goroutine on a system thread of its own. Go has no unbounded channel: one of 1,024 is what its
// programs use. The second thread needs a second processor to run on.
func mpsc(o options) {
	runtime.GOMAXPROCS(2)
	total := o.count("total", 1_000_000)
	figure("peer", median(func() float64 {
		messages := make(chan int, 1024)
		sum := 0
		took := wall(func() {
			go func() {
				runtime.LockOSThread()
				for i := 0; i < total; i++ {
					messages <- i
				}
				close(messages)
			}()
			for message := range messages {
				sum += message
			}
		})
		if sum != total*(total-1)/2 {
			fail(1, "messages were lost")
		}
		return float64(took) / float64(time.Nanosecond) / float64(total)
	}), "ns/message")
}
