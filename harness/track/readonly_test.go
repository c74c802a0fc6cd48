package track

import "testing"

func TestReadOnlyStatement(t *testing.T) {
	for query, ok := range map[string]bool{
		"SELECT 1":                  true,
		" select ';' ; -- the end;": true,
		"/* a;b */ WITH x AS (SELECT 1) SELECT * FROM x;": true,
		"values (1)":                                   true,
		"(SELECT 1) UNION SELECT 2":                    true,
		"explain query plan select 1":                  true,
		`SELECT "a;b", [c;d], 'it''s; fine' FROM runs`: true,
		"PRAGMA table_info(runs)":                      true,
		"":                                             false,
		"; -- nothing":                                 false,
		"attach database 'x.db' as x":                  false,
		"-- a\nattach 'x.db' as x":                     false,
		"SELECT 1; SELECT 2":                           false,
		"SELECT 1; attach 'x.db' as x":                 false,
		"PRAGMA query_only = 0":                        false,
		"PRAGMA journal_mode(delete)":                  false,
		"VACUUM INTO 'x.db'":                           false,
		"DELETE FROM runs":                             false,
		"'SELECT'":                                     false,
	} {
		if err := readOnlyStatement(query); (err == nil) != ok {
			t.Errorf("%q: %v", query, err)
		}
	}
}
