package runner

import (
	"bufio"
	"errors"
	"io"
	"io/fs"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Energy is what an attempt took, in joules, as far as its machine counts it;
// what could not be measured says why.
type Energy struct {
	CPUJ     *float64 `json:"cpu_j,omitempty"`     // the attempt's share of what the processors took
	CPUShare float64  `json:"cpu_share,omitempty"` // its part of the machine's busy processor time
	CPUWhy   string   `json:"cpu_not_measured,omitempty"`
	GPUJ     *float64 `json:"gpu_j,omitempty"` // all that its cards took meanwhile
	GPUWhy   string   `json:"gpu_not_measured,omitempty"`
}

// Meter measures energy. Processors have counters of the whole package (RAPL,
// through Linux's powercap), so a task's part is its share of the machine's
// busy processor time; idle power is shared the same way. Cards tell their
// power draw through nvidia-smi. Nothing that goes wrong here is an error of
// the task.
type Meter struct {
	Powercap string        // folder with intel-rapl:*; "": nothing is measured at all
	Stat     string        // the machine's processor time, as /proc/stat
	SMI      string        // nvidia-smi
	Every    time.Duration // between looks at the counters, far less than they take to wrap; 0: 10 s
}

// smiMillis is the time between two readings of a card's power.
const smiMillis = "500"

// Start begins to measure; the function that it returns ends that. gpus names
// the cards of an attempt on a GPU as CUDA_VISIBLE_DEVICES does, "" being all.
func (m Meter) Start(onGPU bool, gpus string) func() *Energy {
	if m.Powercap == "" {
		return func() *Energy { return nil }
	}
	begun := time.Now()
	counters, cpuWhy := openCounters(m.Powercap)
	busy, cpu := busySeconds(m.Stat), cpuSeconds()
	if cpuWhy == "" && math.IsNaN(busy) {
		cpuWhy = "the machine does not tell its busy processor time"
	}
	var cards *cards
	gpuWhy := ""
	if onGPU {
		cards, gpuWhy = watchCards(m.SMI, gpus, begun)
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	every := m.Every
	if every == 0 {
		every = 10 * time.Second
	}
	go func() {
		defer close(stopped)
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
				counters.read()
			}
		}
	}()
	return func() *Energy {
		close(stop)
		<-stopped
		counters.read()
		e := &Energy{CPUWhy: cpuWhy, GPUWhy: gpuWhy}
		switch {
		case cpuWhy != "":
		case counters.lost:
			e.CPUWhy = "the energy counters of the processor could not be read to the end"
		default:
			e.CPUShare = share(cpuSeconds()-cpu, busySeconds(m.Stat)-busy)
			j := millis(counters.joules() * e.CPUShare)
			e.CPUJ = &j
		}
		if cards != nil {
			if j, ok := cards.end(time.Now()); ok {
				j = millis(j)
				e.GPUJ = &j
			} else {
				e.GPUWhy = "nvidia-smi tells no power draw of this card"
			}
		}
		return e
	}
}

// share is a process's part of the busy time, which the system counts in ticks.
func share(cpu, busy float64) float64 {
	switch {
	case math.IsNaN(busy) || cpu >= busy:
		return 1
	}
	return math.Round(1e6*cpu/busy) / 1e6
}

func millis(x float64) float64 { return math.Round(x*1e3) / 1e3 }

func cpuSeconds() float64 { s, _ := usage(); return s }

// counters are the energy counters of the machine's packages, and of their
// memory where it is counted apart.
type counters struct {
	list []*counter
	lost bool
}

type counter struct {
	path       string
	last, span uint64 // µJ; the counter begins anew at span
	sum        float64
}

// openCounters finds what can be read, or says why nothing can.
func openCounters(dir string) (*counters, string) {
	c := &counters{}
	zones, _ := filepath.Glob(filepath.Join(dir, "intel-rapl:*"))
	found := false
	for _, zone := range zones {
		name := firstLine(filepath.Join(zone, "name"))
		if !strings.HasPrefix(name, "package") && name != "dram" { // psys and the cores are counted in other ones too
			continue
		}
		found = true
		span, err := strconv.ParseUint(firstLine(filepath.Join(zone, "max_energy_range_uj")), 10, 64)
		now, ok := readCounter(filepath.Join(zone, "energy_uj"))
		if err != nil || !ok {
			continue
		}
		c.list = append(c.list, &counter{path: filepath.Join(zone, "energy_uj"), last: now, span: span})
	}
	switch {
	case c.list != nil:
		return c, ""
	case found:
		return c, "the energy counters of the processor cannot be read by this user"
	}
	return c, "this machine shows no energy counters of its processor"
}

// read adds what every counter has counted since the last look.
func (c *counters) read() {
	for _, k := range c.list {
		now, ok := readCounter(k.path)
		if !ok {
			c.lost = true
			continue
		}
		if now < k.last { // it began anew
			k.sum += float64(k.span-k.last) + float64(now)
		} else {
			k.sum += float64(now - k.last)
		}
		k.last = now
	}
}

func (c *counters) joules() (j float64) {
	for _, k := range c.list {
		j += k.sum / 1e6
	}
	return j
}

func readCounter(path string) (uint64, bool) {
	v, err := strconv.ParseUint(firstLine(path), 10, 64)
	return v, err == nil
}

func firstLine(path string) string {
	b, _ := os.ReadFile(path)
	line, _, _ := strings.Cut(string(b), "\n")
	return strings.TrimSpace(line)
}

// busySeconds is the processor time that the machine has spent on anything but
// waiting, NaN where it does not say. Linux counts it in hundredths.
func busySeconds(stat string) float64 {
	f := strings.Fields(firstLine(stat))
	if len(f) < 9 || f[0] != "cpu" {
		return math.NaN()
	}
	sum := 0.0
	for i, s := range f[1:9] { // user nice system idle iowait irq softirq steal
		v, err := strconv.ParseFloat(s, 64)
		if err != nil {
			return math.NaN()
		}
		if i != 3 && i != 4 && i != 7 {
			sum += v
		}
	}
	return sum / 100
}

// cards adds up the power of an attempt's cards over time.
type cards struct {
	cmd  *exec.Cmd
	out  io.Closer
	done chan struct{}
	mu   sync.Mutex
	of   map[string]*draw // by the card's index
	from time.Time
}

type draw struct {
	watts, joules float64
	at            time.Time
}

// watchCards starts nvidia-smi, which tells the power until it is killed, or
// until it writes to a process that is gone.
func watchCards(smi, gpus string, from time.Time) (*cards, string) {
	args := []string{"--query-gpu=index,power.draw", "--format=csv,noheader,nounits", "-lms", smiMillis}
	if gpus != "" {
		args = append(args, "-i", gpus)
	}
	c := &cards{cmd: exec.Command(smi, args...), done: make(chan struct{}), of: map[string]*draw{}, from: from}
	out, err := c.cmd.StdoutPipe()
	if err == nil {
		err = c.cmd.Start()
	}
	switch {
	case errors.Is(err, exec.ErrNotFound), errors.Is(err, fs.ErrNotExist):
		return nil, "nvidia-smi is not installed"
	case err != nil:
		return nil, "nvidia-smi cannot be started"
	}
	c.out = out
	go func() {
		defer close(c.done)
		in := bufio.NewScanner(out)
		for in.Scan() {
			index, power, _ := strings.Cut(in.Text(), ",")
			if w, err := strconv.ParseFloat(strings.TrimSpace(power), 64); err == nil && w >= 0 {
				c.add(strings.TrimSpace(index), w, time.Now())
			}
		}
	}()
	return c, ""
}

// add joins a reading to the one before by a straight line; before the first
// one a card is taken to have drawn as much.
func (c *cards) add(index string, watts float64, at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	d := c.of[index]
	if d == nil {
		d = &draw{watts: watts, at: c.from}
		c.of[index] = d
	}
	d.joules += (d.watts + watts) / 2 * at.Sub(d.at).Seconds()
	d.watts, d.at = watts, at
}

// end stops nvidia-smi and gives the energy up to now; false without a reading.
func (c *cards) end(now time.Time) (joules float64, ok bool) {
	_ = c.cmd.Process.Kill()
	_ = c.out.Close() // something that it started may hold the other end
	gone := make(chan struct{})
	go func() {
		_ = c.cmd.Wait() // it was killed
		<-c.done
		close(gone)
	}()
	select {
	case <-gone:
	case <-time.After(2 * time.Second): // a driver that hangs keeps it, but not us
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, d := range c.of {
		joules += d.joules + d.watts*max(0, now.Sub(d.at).Seconds())
	}
	return joules, len(c.of) > 0
}
