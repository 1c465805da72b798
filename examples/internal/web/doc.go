// Package web is what the examples that serve HTTP share: a stream of Server-Sent Events to one client, and a server that
// ends.
package web
