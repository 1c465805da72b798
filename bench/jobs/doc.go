// Package jobs measures queues on disk that hand out work: Sluice's consumers beside nsqio/go-diskqueue.
//
// One producer appends messages of 100 bytes as fast as it can, and one or more workers take them out, at the same time. A
// row is timed from the first message until the last one is taken, and acknowledged where the rival knows that. Each row
// checks that every message came once.
//
// go-diskqueue has the options of nsqd, and hands each message to the operating system by a write of its own. Of Sluice
// there are both, for that is a choice there: Buffered, and Written, which has it in the system's hands too. The goals are about the first.
package jobs
