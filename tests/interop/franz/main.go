// A franz-go client: makes a delegation token as a user, then produces and fetches with the token.
package main

import (
	"context"
	"encoding/base64"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl/scram"
)

func check(what string, err error) {
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", what, err)
		os.Exit(1)
	}
}

func client(auth scram.Auth, more ...kgo.Opt) *kgo.Client {
	opts := []kgo.Opt{
		kgo.SeedBrokers(strings.Split(os.Args[1], ",")...),
		kgo.SASL(auth.AsSha512Mechanism()),
	}
	c, err := kgo.NewClient(append(opts, more...)...)
	check("client", err)
	return c
}

func main() {
	topic := os.Args[2]
	count, err := strconv.Atoi(os.Args[3])
	check("count", err)
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()

	owner := client(scram.Auth{User: "alice", Pass: "alice-secret"})
	request := kmsg.NewPtrCreateDelegationTokenRequest()
	request.MaxLifetimeMillis = -1
	token, err := request.RequestWith(ctx, owner)
	check("create", err)
	check("create", kerr.ErrorForCode(token.ErrorCode))

	auth := scram.Auth{User: token.TokenID, Pass: base64.StdEncoding.EncodeToString(token.HMAC), IsToken: true}
	writer := client(auth, kgo.DefaultProduceTopic(topic))
	for n := 0; n < count; n++ {
		writer.Produce(ctx, kgo.StringRecord(fmt.Sprintf("record %d", n)), func(_ *kgo.Record, err error) {
			check("produce", err)
		})
	}
	check("flush", writer.Flush(ctx))
	writer.Close()

	reader := client(auth, kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	seen := map[string]int{}
	for read := 0; read < count; {
		fetches := reader.PollFetches(ctx)
		check("fetch", fetches.Err())
		fetches.EachRecord(func(record *kgo.Record) {
			seen[string(record.Value)]++
			read++
		})
	}
	reader.Close()

	expire := kmsg.NewPtrExpireDelegationTokenRequest()
	expire.HMAC = token.HMAC
	expire.ExpiryPeriodMillis = -1
	expired, err := expire.RequestWith(ctx, owner)
	check("expire", err)
	check("expire", kerr.ErrorForCode(expired.ErrorCode))
	fmt.Printf("%d distinct records by token of %s\n", len(seen), token.PrincipalName)
}
