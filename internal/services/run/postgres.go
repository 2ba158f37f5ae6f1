//go:build unix

package main

import (
	"context"
	"fmt"
	"net/url"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/weftdb/weft/internal/services"
)

func postgresService() service {
	return service{
		name: "PostgreSQL", variable: services.PostgresVariable, usual: services.UsualPostgres,
		try:   services.TryPostgres,
		start: startPostgres,
	}
}

func startPostgres(ctx context.Context, s *site) (string, error) {
	postgres, err := s.need(ctx, []string{"postgresql"}, []string{"initdb"}, "postgres")
	if err != nil {
		return "", err
	}
	who, err := s.find.account("postgres")
	if err != nil {
		return "", err
	}
	dir, err := s.folder("postgres", who)
	if err != nil {
		return "", err
	}
	data := filepath.Join(dir, "data")
	// A locale that does not sort by bytes, where there is one, shows where
	// Weft relies on the server's.
	for _, locale := range []string{"en_US.UTF-8", "C.UTF-8", "C"} {
		err = prepare(ctx, who, dir, filepath.Join(filepath.Dir(postgres), "initdb"), "-D", data, "-U", "postgres", "-A", "trust",
			"-E", "UTF8", "--locale="+locale, "--no-sync")
		if err == nil || ctx.Err() != nil {
			break
		}
	}
	if err != nil {
		return "", err
	}
	port, err := freePort()
	if err != nil {
		return "", err
	}
	u := url.URL{Scheme: "postgres", User: url.User("postgres"), Host: "127.0.0.1:" + strconv.Itoa(port), Path: "/postgres", RawQuery: "sslmode=disable"}
	answers := func(ctx context.Context) error { _, err := services.TryPostgres(ctx, u.String()); return err }
	args := []string{"-D", data}
	for _, set := range []string{
		fmt.Sprintf("port=%d", port), "listen_addresses=127.0.0.1", "unix_socket_directories=",
		"fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_wal_size=2GB", // what it keeps is thrown away
		"max_connections=500", "max_locks_per_transaction=256", "max_pred_locks_per_transaction=256", // many packages test at once
		"timezone=Asia/Kathmandu", // nobody may rely on UTC
	} {
		args = append(args, "-c", set)
	}
	return u.String(), s.serve(ctx, who, dir, dir, syscall.SIGQUIT, answers, postgres, args...)
}
