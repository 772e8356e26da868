import Foundation
import Records

extension Functions {
  static let numbers: [Function] = [
    same("abs", { $0.magnitude <= UInt64(Int64.max) ? Int64($0.magnitude) : nil }, { $0.magnitude }),
    same("floor", { $0 }, { $0.rounded(.down) }),
    same("ceil", { $0 }, { $0.rounded(.up) }),
    same("trunc", { $0 }, { $0.rounded(.towardZero) }),
    same("sign", { $0.signum() }, { $0 > 0 ? 1 : ($0 < 0 ? -1 : 0) }),
    Function("round", [.double, .bigint], required: 1, gives: .double) { arguments, count, _ in
      doubles(count) { i in
        guard let value = arguments[0].double(i) else { return nil }
        guard arguments.count == 2 else { return value.rounded(.toNearestOrAwayFromZero) }
        guard let digits = arguments[1].integer(i) else { return nil }
        let scale = pow(10, Double(max(-300, min(300, digits))))
        let scaled = (value * scale).rounded(.toNearestOrAwayFromZero) / scale
        return scaled.isFinite ? scaled : value
      }
    },
    one("sqrt") { $0 >= 0 ? $0.squareRoot() : nil },
    one("exp") { exp($0) },
    one("ln") { $0 > 0 ? log($0) : nil },
    one("log10") { $0 > 0 ? log10($0) : nil },
    Function("power", [.double, .double], gives: .double) { arguments, count, _ in
      doubles(count) { i in
        guard let base = arguments[0].double(i), let exponent = arguments[1].double(i) else { return nil }
        return pow(base, exponent)
      }
    },
    Function("mod", [.bigint, .bigint], gives: .bigint) { arguments, count, _ in
      integers(count) { i in
        guard let a = arguments[0].integer(i), let b = arguments[1].integer(i), b != 0 else { return nil }
        return b == -1 ? 0 : a % b
      }
    },
  ]

  private static func one(_ name: String, _ compute: @escaping @Sendable (Double) -> Double?) -> Function {
    Function(name, [.double], gives: .double) { arguments, count, _ in
      doubles(count) { arguments[0].double($0).flatMap(compute) }
    }
  }

  /// A function of a number that gives a number of the same type.
  private static func same(
    _ name: String, _ whole: @escaping @Sendable (Int64) -> Int64?, _ real: @escaping @Sendable (Double) -> Double
  ) -> Function {
    Function(name, takesNumber: true) { arguments, count, _ in
      if case .integers = arguments[0] { return integers(count) { arguments[0].integer($0).flatMap(whole) } }
      return doubles(count) { arguments[0].double($0).map(real) }
    }
  }
}

extension Function {
  /// A function of one number whose result has its type.
  init(_ name: String, takesNumber: Bool, _ body: @escaping @Sendable ([Vector], Int, (Int, String) -> Void) -> Vector) {
    self.name = name
    parameters = [.any]
    required = 1
    result = { $0[0] }
    validate = { nodes in
      nodes[0].type == .bigint || nodes[0].type == .double ? nil : "\(name) takes a number"
    }
    self.body = body
  }
}
