//go:build unix

package main

import (
	"context"
	"fmt"
	"syscall"

	"github.com/weftdb/weft/internal/services"
)

func redisService() service {
	return service{
		name: "Redis", variable: services.RedisVariable, usual: services.UsualRedis,
		try:   services.TryRedis,
		start: startRedis,
	}
}

func startRedis(ctx context.Context, s *site) (string, error) {
	daemon, err := s.need(ctx, []string{"redis-server"}, nil, "redis-server", "valkey-server")
	if err != nil {
		return "", err
	}
	who, err := s.find.account("redis")
	if err != nil {
		return "", err
	}
	dir, err := s.folder("redis", who)
	if err != nil {
		return "", err
	}
	port, err := freePort()
	if err != nil {
		return "", err
	}
	host := fmt.Sprintf("127.0.0.1:%d", port) // it writes this over its arguments
	address := "redis://" + host + "/0"
	answers := func(ctx context.Context) error { _, err := services.TryRedis(ctx, address); return err }
	return address, s.serve(ctx, who, dir, host, syscall.SIGKILL, answers, daemon, "--port", fmt.Sprint(port), "--bind", "127.0.0.1",
		"--save", "", "--appendonly", "no", "--dir", dir)
}
