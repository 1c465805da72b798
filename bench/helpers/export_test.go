package helpers

var (
	Chains    = chains
	Workers   = workers
	Senders   = senders
	Receivers = receivers
	Numbers   = numbers
	ChainSum  = chainSum
	Calibrate = calibrate
	Work      = work
	TimePairs = timePairs
	PairSum   = pairSum
	WorkTime  = workTime
)
