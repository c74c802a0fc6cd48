package spec_test

import (
	"fmt"

	"hardneg/experiments/spec"
)

func ExampleLoad() {
	s, err := spec.Load("smoke", []string{"stages.train.beta=0.2"})
	if err != nil {
		fmt.Println(err)
		return
	}
	from, _ := s.Origin("stages.train.beta")
	fmt.Println(s.Arm("full").Stages.Train.Beta, "from", from)
	_, err = spec.Load("smoke", []string{"stages.train.btea=0.2"})
	fmt.Println(err)
	// Output:
	// 0.2 from --set stages.train.beta=0.2
	// --set stages.train.btea=0.2: unknown key "btea" in spec.stages.train (did you mean "beta"?)
}
