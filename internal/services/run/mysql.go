//go:build unix

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/weftdb/weft/internal/services"
)

func mysqlService() service {
	return service{
		name: "MariaDB or MySQL", variable: services.MySQLVariable, usual: services.UsualMySQL,
		try:   services.TryMySQL,
		start: startMySQL,
	}
}

func startMySQL(ctx context.Context, s *site) (string, error) {
	daemon, err := s.need(ctx, []string{"mariadb-server"}, nil, "mariadbd", "mysqld")
	if err != nil {
		return "", err
	}
	who, err := s.find.account("mysql")
	if err != nil {
		return "", err
	}
	dir, err := s.folder("mysql", who)
	if err != nil {
		return "", err
	}
	data := filepath.Join(dir, "data")
	if err := initMySQL(ctx, s, who, daemon, dir, data); err != nil {
		return "", err
	}
	port, err := freePort()
	if err != nil {
		return "", err
	}
	// Names of hosts may not resolve here, so root may come from anywhere that
	// reaches the loopback address.
	first := filepath.Join(dir, "first.sql")
	if err := os.WriteFile(first, []byte("CREATE USER IF NOT EXISTS 'root'@'127.0.0.1' IDENTIFIED BY '';\n"+
		"GRANT ALL PRIVILEGES ON *.* TO 'root'@'127.0.0.1' WITH GRANT OPTION;\n"), 0o644); err != nil {
		return "", err
	}
	address := fmt.Sprintf("root@tcp(127.0.0.1:%d)/", port)
	answers := func(ctx context.Context) error { _, err := services.TryMySQL(ctx, address); return err }
	return address, s.serve(ctx, who, dir, dir, syscall.SIGKILL, answers, daemon, "--no-defaults", "--datadir="+data, fmt.Sprintf("--port=%d", port),
		"--bind-address=127.0.0.1", "--skip-name-resolve", "--socket="+filepath.Join(dir, "s"), "--pid-file="+filepath.Join(dir, "pid"),
		"--init-file="+first, "--tmpdir="+dir,
		"--innodb-flush-log-at-trx-commit=0", "--innodb-doublewrite=0", "--skip-log-bin", // what it keeps is thrown away
		"--innodb-buffer-pool-size=256M", "--max-connections=500", "--max-allowed-packet=64M",
		"--default-time-zone=+05:45") // nobody may rely on UTC
}

// initMySQL makes the folder of a server: that of MariaDB and that of MySQL
// have different ways.
func initMySQL(ctx context.Context, s *site, who *account, daemon, dir, data string) error {
	said, err := exec.CommandContext(ctx, daemon, "--no-defaults", "--version").Output()
	if err != nil {
		return fmt.Errorf("%s --version: %w", daemon, err)
	}
	if !strings.Contains(string(said), "MariaDB") {
		return prepare(ctx, who, dir, daemon, "--no-defaults", "--initialize-insecure", "--datadir="+data)
	}
	install, err := s.find.program(nil, "mariadb-install-db", "mysql_install_db")
	if err != nil {
		return err
	}
	return prepare(ctx, who, dir, install, "--no-defaults", "--datadir="+data, "--auth-root-authentication-method=normal",
		"--skip-test-db", "--tmpdir="+dir)
}
