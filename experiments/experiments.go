// Package experiments carries the specs of this repository inside the binary,
// so that `hardneg run smoke` works in any folder, and the JSON schema that
// editors use to check a spec while it is written.
//
// The YAML files are data: package spec reads them, package plan expands them.
package experiments

import "embed"

// Files holds the embedded specs (*.yaml) and schema.json.
//
//go:embed *.yaml schema.json
var Files embed.FS
