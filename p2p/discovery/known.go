package discovery

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/weftdb/weft/p2p/host"
)

// The file of known nodes is a message with their signed records, so that its
// format has the version and the checks of the exchange, and nobody can slip a
// false address in.

// save writes the live members, if there are any: a node that is alone keeps
// what it knew.
func (d *Discovery) save() error {
	if d.cfg.File == "" {
		return nil
	}
	live := d.table.live(time.Now())
	if len(live) == 0 {
		return nil
	}
	m := message{cluster: d.cfg.Cluster, records: live}
	if err := host.WriteFile(d.cfg.File, m.encode()); err != nil {
		return fmt.Errorf("write known nodes: %w", err)
	}
	return nil
}

// load reads them. They are tried like nodes that were lost.
func (d *Discovery) load() error {
	if d.cfg.File == "" {
		return nil
	}
	st, err := os.Stat(d.cfg.File)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if st.Size() > maxMessage {
		return malformed("%d bytes", st.Size())
	}
	data, err := os.ReadFile(d.cfg.File)
	if err != nil {
		return err
	}
	m, err := decode(data)
	if err != nil {
		return err
	}
	if m.cluster != d.cfg.Cluster {
		return malformed("it is of cluster %q", m.cluster)
	}
	for _, sealed := range m.records {
		if _, _, err := d.table.offer(sealed, time.Now(), true); err != nil {
			return err
		}
	}
	return nil
}
