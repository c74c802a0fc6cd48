package runner

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// fakeMachine is a made-up tree of counters and processor times.
type fakeMachine struct {
	t   *testing.T
	dir string
}

func (m fakeMachine) put(name string, v any) {
	m.t.Helper()
	path := filepath.Join(m.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		m.t.Fatal(err)
	}
	if err := os.WriteFile(path+".new", []byte(fmt.Sprintln(v)), 0o644); err != nil {
		m.t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil { // whoever reads meanwhile sees one or the other
		m.t.Fatal(err)
	}
}

func (m fakeMachine) zone(name, what string, now uint64) {
	m.put(name+"/name", what)
	m.put(name+"/max_energy_range_uj", 1_000_000)
	m.put(name+"/energy_uj", now)
}

// busy sets the machine's processor time in hundredths of a second; half of it
// in user mode, and much more idle time.
func (m fakeMachine) busy(ticks int) {
	m.put("stat", fmt.Sprintf("cpu  %d 0 %d 99999 77 0 0 55 11 0\ncpu0 1 2 3", ticks/2, ticks-ticks/2))
}

func (m fakeMachine) meter() Meter {
	return Meter{Powercap: m.dir, Stat: filepath.Join(m.dir, "stat"), SMI: filepath.Join(m.dir, "nvidia-smi")}
}

func newMachineTree(t *testing.T) fakeMachine {
	m := fakeMachine{t, t.TempDir()}
	m.busy(100)
	return m
}

// burn spends processor time, so that the share of it is not zero.
func burn(seconds float64) float64 {
	from := cpuSeconds()
	for x := 1.0; cpuSeconds()-from < seconds; x = math.Sqrt(x + 1) {
	}
	return cpuSeconds() - from
}

func TestEnergyOfTheProcessorIsSharedByTime(t *testing.T) {
	m := newMachineTree(t)
	m.zone("intel-rapl:0", "package-0", 900_000)
	m.zone("intel-rapl:1", "package-1", 100_000)
	m.zone("intel-rapl:0:0", "core", 5)       // counted in its package
	m.zone("intel-rapl:0:1", "dram", 0)       // counted apart
	m.zone("intel-rapl:2", "psys", 0)         // counts everything once more
	m.zone("intel-rapl-mmio:0", "package", 0) // the same package by another way
	end := m.meter().Start(false, "")
	cpu := burn(.05)
	m.zone("intel-rapl:0", "package-0", 300_000) // began anew: 0.1 J to the top and 0.3 J
	m.zone("intel-rapl:1", "package-1", 700_000)
	m.zone("intel-rapl:0:0", "core", 999_999)
	m.zone("intel-rapl:0:1", "dram", 250_000)
	m.zone("intel-rapl:2", "psys", 999_999)
	m.zone("intel-rapl-mmio:0", "package", 999_999)
	m.busy(100 + 50) // half a second
	e := end()
	if e.CPUJ == nil || e.CPUWhy != "" || e.GPUJ != nil || e.GPUWhy != "" {
		t.Fatalf("%+v", e)
	}
	if want := cpu / .5; math.Abs(e.CPUShare-want) > .03 {
		t.Errorf("share %v, want about %v", e.CPUShare, want)
	}
	if want := (.4 + .6 + .25) * e.CPUShare; math.Abs(*e.CPUJ-want) > 1e-3 {
		t.Errorf("%v J, want %v", *e.CPUJ, want)
	}
}

// A counter that wraps more than once is looked at often enough, and a process
// never has more than all of the machine's time.
func TestEnergyCounterIsReadWhileTheTaskRuns(t *testing.T) {
	m := newMachineTree(t)
	m.zone("intel-rapl:0", "package-0", 0)
	meter := m.meter()
	meter.Every = time.Millisecond
	end := meter.Start(false, "")
	for _, now := range []uint64{600_000, 200_000, 800_000, 100_000} { // 0.6, 0.6, 0.6 and 0.3 J
		m.zone("intel-rapl:0", "package-0", now)
		time.Sleep(60 * time.Millisecond)
	}
	burn(.02)
	m.busy(101) // the system counts in coarse ticks: less than the process has used
	e := end()
	if e.CPUJ == nil || e.CPUShare != 1 || math.Abs(*e.CPUJ-2.1) > 1e-9 {
		t.Errorf("%+v: want 2.1 J", e)
	}
}

func TestEnergySaysWhyNot(t *testing.T) {
	for _, c := range []struct {
		name string
		make func(m fakeMachine)
		at   func(m fakeMachine)
		want string
	}{
		{"no counters", func(fakeMachine) {}, nil, "this machine shows no energy counters of its processor"},
		{"only others", func(m fakeMachine) { m.zone("intel-rapl:0", "psys", 1) }, nil, "this machine shows no energy counters of its processor"},
		{"unreadable", func(m fakeMachine) {
			m.zone("intel-rapl:0", "package-0", 1)
			os.Remove(filepath.Join(m.dir, "intel-rapl:0/energy_uj"))
		}, nil, "the energy counters of the processor cannot be read by this user"},
		{"no number", func(m fakeMachine) {
			m.zone("intel-rapl:0", "package-0", 1)
			m.put("intel-rapl:0/energy_uj", "-7")
		}, nil, "the energy counters of the processor cannot be read by this user"},
		{"no range", func(m fakeMachine) {
			m.zone("intel-rapl:0", "package-0", 1)
			m.put("intel-rapl:0/max_energy_range_uj", "")
		}, nil, "the energy counters of the processor cannot be read by this user"},
		{"no times", func(m fakeMachine) { m.zone("intel-rapl:0", "package-0", 1); m.put("stat", "intr 1 2") }, nil, "the machine does not tell its busy processor time"},
		{"lost midway", func(m fakeMachine) { m.zone("intel-rapl:0", "package-0", 1) }, func(m fakeMachine) { os.Remove(filepath.Join(m.dir, "intel-rapl:0/energy_uj")) },
			"the energy counters of the processor could not be read to the end"},
	} {
		m := newMachineTree(t)
		c.make(m)
		end := m.meter().Start(false, "")
		if c.at != nil {
			c.at(m)
		}
		if e := end(); e.CPUJ != nil || e.CPUWhy != c.want {
			t.Errorf("%s: %+v, want %q", c.name, e, c.want)
		}
	}
	if e := (Meter{}).Start(true, "0")(); e != nil {
		t.Errorf("no meter gave %+v", e)
	}
}

// smi writes a nvidia-smi of its own into the tree.
func (m fakeMachine) smi(script string) {
	m.put("nvidia-smi", "#!/bin/sh\n"+script)
	if err := os.Chmod(filepath.Join(m.dir, "nvidia-smi"), 0o755); err != nil {
		m.t.Fatal(err)
	}
}

func TestEnergyOfCards(t *testing.T) {
	m := newMachineTree(t)
	// Two cards of 300 and 100 W, told every 20 ms until somebody ends it.
	m.smi(`echo "$@" >"$(dirname "$0")/args"` + "\n" + `while :; do echo "0, 300.00"; echo "3, 100.00"; sleep 0.02; done`)
	from := time.Now()
	end := m.meter().Start(true, "0,3")
	time.Sleep(300 * time.Millisecond)
	e := end()
	want := 400 * time.Since(from).Seconds()
	if e.GPUJ == nil || *e.GPUJ < 400*.3 || *e.GPUJ > want {
		t.Errorf("%+v, want about %.0f J", e, want)
	}
	if args := firstLine(filepath.Join(m.dir, "args")); args != "--query-gpu=index,power.draw --format=csv,noheader,nounits -lms 500 -i 0,3" {
		t.Errorf("asked %q", args)
	}
}

// Readings are joined by straight lines; a card is taken to have drawn before
// the first one what it drew then, and after the last one what it drew then.
func TestEnergyOfACardOverTime(t *testing.T) {
	at := func(s float64) time.Time { return time.Unix(1000, 0).Add(time.Duration(s * 1e9)) }
	c := &cards{of: map[string]*draw{}, from: at(0)}
	c.add("0", 100, at(1)) // 100 J
	c.add("0", 300, at(3)) // 400 J
	c.add("1", 50, at(2))  // 100 J
	got := 0.0
	for _, d := range c.of {
		got += d.joules
	}
	if got != 600 || c.of["0"].watts != 300 || c.of["1"].watts != 50 {
		t.Errorf("%v J, %+v", got, c.of["0"])
	}
}

func TestEnergyOfCardsSaysWhyNot(t *testing.T) {
	m := newMachineTree(t)
	if e := m.meter().Start(true, "")(); e.GPUWhy != "nvidia-smi is not installed" || e.GPUJ != nil {
		t.Errorf("%+v", e)
	}
	for name, script := range map[string]string{"no power": `echo "0, [N/A]"; sleep 9`, "an error": "echo 'No devices were found'; exit 6", "silence": "exec sleep 9", "a child that stays": "sleep 9 &\nexit 1"} {
		m.smi(script)
		end := m.meter().Start(true, "0")
		time.Sleep(50 * time.Millisecond)
		from := time.Now()
		if e := end(); e.GPUWhy != "nvidia-smi tells no power draw of this card" || e.GPUJ != nil {
			t.Errorf("%s: %+v", name, e)
		}
		if d := time.Since(from); d > time.Second {
			t.Errorf("%s: it took %v to end", name, d)
		}
	}
	if err := os.Chmod(filepath.Join(m.dir, "nvidia-smi"), 0o644); err != nil {
		t.Fatal(err)
	}
	if e := m.meter().Start(true, "")(); !strings.HasPrefix(e.GPUWhy, "nvidia-smi cannot be started") {
		t.Errorf("%+v", e)
	}
}

func BenchmarkEnergy(b *testing.B) {
	m := Meter{Powercap: "/sys/class/powercap", Stat: "/proc/stat"}
	for b.Loop() {
		m.Start(false, "")()
	}
}
