// A source: one thing that is asked of the API again and again, and how old the newest answer is.

/** An answer is current for this many of its periods; a slow answer is not yet an old one. */
const MISSES = 3;

export class Source {
  /**
   * name    for people
   * everyS  seconds between an answer and the next question
   * ask     → a promise of the data
   * keyed   whether it needs the key
   */
  constructor(name, everyS, ask, { keyed = true } = {}) {
    Object.assign(this, { name, everyS, keyed, data: null, at: 0, fault: null });
    this._ask = ask;
    this._timer = null;
    this._turn = 0;
    this._listeners = [];
  }

  whenever(listener) {
    this._listeners.push(listener);
    return this;
  }

  start() {
    clearTimeout(this._timer);
    this._next(++this._turn);
  }

  /** Ends the asking; what is under way is not listened to. */
  stop() {
    clearTimeout(this._timer);
    this._turn += 1;
  }

  forget() {
    this.stop();
    Object.assign(this, { data: null, at: 0, fault: null });
  }

  /** Whether the data is what holds now. */
  get isCurrent() {
    return this.data !== null && this.fault === null && Date.now() - this.at < MISSES * this.everyS * 1000;
  }

  async _next(turn) {
    let fault = null;
    let data = null;
    try {
      data = await this._ask();
    } catch (refusal) {
      fault = refusal;
    }
    if (turn !== this._turn) return;
    this.fault = fault;
    if (fault === null) {
      this.data = data;
      this.at = Date.now();
    }
    this._timer = setTimeout(() => this._next(turn), this.everyS * 1000); // before the listeners, who may stop it
    for (const listener of this._listeners) listener(this);
  }
}
