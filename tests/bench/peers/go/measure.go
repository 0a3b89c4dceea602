package main

import (
	"bufio"
	"fmt"
	"os"
	"sort"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"
)

// How often a measurement is repeated within one run.
const slices = 5

func figure(name string, value float64, unit string) {
	fmt.Printf("%-14s %.6g %s\n", name, value, unit)
}

// For what is timed by processor time: noise only ever adds.
func least(measure func() float64) float64 {
	least := measure()
	for slice := 1; slice < slices; slice++ {
		if value := measure(); value < least {
			least = value
		}
	}
	return least
}

// For what is timed by the clock on the wall.
func median(measure func() float64) float64 {
	values := make([]float64, slices)
	for slice := range values {
		values[slice] = measure()
	}
	sort.Float64s(values)
	return values[slices/2]
}

// Nanoseconds of processor time that the process has taken so far. RawSyscall: the scheduler is not to hear of it.
func cpu() int64 {
	const processCPU = 2 // CLOCK_PROCESS_CPUTIME_ID
	var now syscall.Timespec
	_, _, errno := syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, processCPU, uintptr(unsafe.Pointer(&now)), 0)
	if errno != 0 {
		check(errno)
	}
	return now.Nano()
}

// Processor time of the process for each of `count`.
func cpuPer(count int, do func()) float64 {
	start := cpu()
	do()
	return float64(cpu()-start) / float64(count)
}

// Time on the wall.
func wall(do func()) time.Duration {
	start := time.Now()
	do()
	return time.Since(start)
}

// Bytes, as /proc/self/status tells them.
func memory(key string) float64 {
	file, err := os.Open("/proc/self/status")
	check(err)
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if words := strings.Fields(lines.Text()); words[0] == key+":" {
			kilobytes, err := strconv.ParseFloat(words[1], 64)
			check(err)
			return kilobytes * 1024
		}
	}
	fail(1, "/proc/self/status does not tell "+key)
	return 0
}

func mappings() float64 {
	maps, err := os.ReadFile("/proc/self/maps")
	check(err)
	return float64(strings.Count(string(maps), "\n"))
}
