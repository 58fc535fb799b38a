// A child that speaks the engine protocol and computes nothing: it echoes, fails, ends or hangs on demand.
process.on('message', ({ id, method, params }) => {
  if (method === 'render') process.exit(7);
  if (method === 'detect') {
    process.send({ id, error: { code: 'FACE_NOT_FOUND', message: 'none', detail: 'No face here.' } });
    return;
  }
  if (method === 'finish') process.send({ id, error: { code: 'SOMETHING_ELSE', message: 'odd' } });
  if (method === 'align') for (;;);
  if (method === 'project') process.send({ id, result: params });
  if (method === 'warm') process.send({ id, result: { ...params, pid: process.pid } });
});
process.on('disconnect', () => process.exit(0));
