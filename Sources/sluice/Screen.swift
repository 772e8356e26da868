import Dispatch
import Foundation

/// The terminal as a full screen: its alternate buffer, no cursor, keys without Enter. ``leave()`` gives it back as it was.
final class Screen {
  enum Event: Sendable {
    case tick
    case signal(Int32)
    case key(UInt8)
  }

  /// A tick a second, the first at once; signals that are for a screen; keys.
  let events: AsyncStream<Event>

  private let console: Console
  private let timer: any DispatchSourceTimer
  private let keys: any DispatchSourceRead
  private let signals: Signals
  private var before: termios?
  private var isEntered = false

  /// Whether stdout is a terminal that can do it.
  static var isPossible: Bool {
    let kind = ProcessInfo.processInfo.environment["TERM"] ?? "dumb"
    return isatty(STDOUT_FILENO) == 1 && kind != "dumb"
  }

  init(_ console: Console) {
    self.console = console
    let (events, continuation) = AsyncStream.makeStream(of: Event.self, bufferingPolicy: .bufferingNewest(32))
    self.events = events
    let queue = DispatchQueue(label: "sluice.screen")
    timer = DispatchSource.makeTimerSource(queue: queue)
    timer.schedule(deadline: .now(), repeating: .seconds(1))
    timer.setEventHandler { continuation.yield(.tick) }
    keys = DispatchSource.makeReadSource(fileDescriptor: STDIN_FILENO, queue: queue)
    let reader = keys
    keys.setEventHandler {
      var bytes = [UInt8](repeating: 0, count: 64)
      let count = read(STDIN_FILENO, &bytes, bytes.count)
      guard count > 0 else { return reader.cancel() }
      for byte in bytes.prefix(count) { continuation.yield(.key(byte)) }
    }
    signals = Signals([SIGWINCH, SIGTSTP, SIGCONT, SIGINT, SIGTERM, SIGHUP, SIGQUIT]) { continuation.yield(.signal($0)) }
    timer.resume()
    keys.resume()
  }

  func enter() {
    guard !isEntered else { return }
    isEntered = true
    var settings = termios()
    if isatty(STDIN_FILENO) == 1, tcgetattr(STDIN_FILENO, &settings) == 0 {
      before = settings
      // Signals of the keyboard stay.
      settings.c_lflag &= ~tcflag_t(ICANON | ECHO)
      tcsetattr(STDIN_FILENO, TCSANOW, &settings)
    }
    console.print(bytes: Array("\u{1B}[?1049h\u{1B}[?25l\u{1B}[2J".utf8))
  }

  func leave() {
    guard isEntered else { return }
    isEntered = false
    console.print(bytes: Array("\u{1B}[?25h\u{1B}[?1049l".utf8))
    if var settings = before { tcsetattr(STDIN_FILENO, TCSANOW, &settings) }
  }

  /// After it, signals do again what they do by default.
  func close() {
    leave()
    timer.cancel()
    keys.cancel()
    signals.cancel()
  }

  /// Columns and rows, as they are now.
  var size: (columns: Int, rows: Int) {
    var size = winsize()
    guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0, size.ws_row > 0 else { return (80, 24) }
    return (Int(size.ws_col), Int(size.ws_row))
  }

  /// Shows lines that are no wider and no more than the screen.
  func draw(_ lines: [String]) {
    guard isEntered else { return }
    // Each line clears what stood behind it, so that nothing flickers.
    let text = lines.map { $0 + "\u{1B}[K" }.joined(separator: "\r\n")
    console.print(bytes: Array("\u{1B}[H\(text)\u{1B}[J".utf8))
  }
}
