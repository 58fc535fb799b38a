/**
 * A process that feeds one target: TARGET INPUTS SEED FROM PLACE. The input in hand stands in the file PLACE: whatever ends this
 * process, the one that watches it knows which input did.
 */
import { openSync } from 'node:fs';
import { fuzz } from './fuzz.js';
import { type Message, noteInput } from './place.js';
import { isTargetName, TARGETS } from './targets.js';

const [name = '', inputs, seed, from, place = ''] = process.argv.slice(2);
if (!isTargetName(name)) throw new Error(`There is no target '${name}'`);
const target = await TARGETS[name].make();
const file = openSync(place, 'r+');
const send = (message: Message): void => void process.send?.(message);

const { counts, failures } = await fuzz(target, {
  inputs: Number(inputs),
  seed: Number(seed),
  from: Number(from),
  checksMemory: true,
  onInput: (index, input) => noteInput(file, index, input),
  onCounts: (counts) => send({ kind: 'counts', counts }),
});
send({
  kind: 'end',
  counts,
  failures: failures.map((one) => ({ ...one, input: Buffer.from(one.input).toString('base64') })),
});
await target.close?.();
process.disconnect();
