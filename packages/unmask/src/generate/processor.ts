// What a process or thread that writes text asks of the engine besides networks: which build it is and on what devices,
// how many processor threads an operator has, how many tensors live. Workers of evaluations and of the server use it.

export { buildInfo, chooseThreads, liveTensors, setThreads } from "@unmask/torch";
