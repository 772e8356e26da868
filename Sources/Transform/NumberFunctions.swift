import CFloatText
import Foundation
import Records

extension Functions {
  static let numbers: [Function] = [
    Function("abs", takesNumber: true) { arguments, call in
      guard case .integers = arguments[0] else { return call.doubles { arguments[0].double($0).map { $0.magnitude } } }
      return call.integers { i in
        guard let value = arguments[0].integer(i) else { return nil }
        if value == .min { call.fail(i, Evaluation.outOfBigint) }
        return value == .min ? nil : abs(value)
      }
    },
    same("floor", { $0 }, { $0.rounded(.down) }),
    same("ceil", { $0 }, { $0.rounded(.up) }),
    same("trunc", { $0 }, { $0.rounded(.towardZero) }),
    same("sign", { $0.signum() }, { $0 > 0 ? 1 : ($0 < 0 ? -1 : 0) }),
    Function("round", [.double, .bigint], required: 1, gives: .double) { arguments, call in
      call.doubles { i in
        guard let value = arguments[0].double(i) else { return nil }
        guard arguments.count == 2 else { return value.rounded(.toNearestOrAwayFromZero) }
        return arguments[1].integer(i).map { sluice_round_double(value, $0) }
      }
    },
    one("sqrt") { $0 >= 0 ? $0.squareRoot() : nil },
    one("exp") { exp($0) },
    one("ln") { $0 > 0 ? log($0) : nil },
    one("log10") { $0 > 0 ? log10($0) : nil },
    Function("power", [.double, .double], gives: .double) { arguments, call in
      call.doubles { i in
        guard let base = arguments[0].double(i), let exponent = arguments[1].double(i) else { return nil }
        return pow(base, exponent)
      }
    },
    Function("mod", [.bigint, .bigint], gives: .bigint) { arguments, call in
      call.integers { i in
        guard let a = arguments[0].integer(i), let b = arguments[1].integer(i), b != 0 else { return nil }
        return b == -1 ? 0 : a % b
      }
    },
  ]

  private static func one(_ name: String, _ compute: @escaping @Sendable (Double) -> Double?) -> Function {
    Function(name, [.double], gives: .double) { arguments, call in
      call.doubles { arguments[0].double($0).flatMap(compute) }
    }
  }

  /// A function of a number that gives a number of the same type.
  private static func same(
    _ name: String, _ whole: @escaping @Sendable (Int64) -> Int64, _ real: @escaping @Sendable (Double) -> Double
  ) -> Function {
    Function(name, takesNumber: true) { arguments, call in
      if case .integers = arguments[0] { return call.integers { arguments[0].integer($0).map(whole) } }
      return call.doubles { arguments[0].double($0).map(real) }
    }
  }
}

extension Function {
  /// A function of one number whose result has its type.
  init(_ name: String, takesNumber: Bool, _ body: @escaping @Sendable ([Vector], Call) -> Vector) {
    self.name = name
    parameters = [.any]
    required = 1
    followsType = true
    result = { $0[0] }
    validate = { nodes in
      nodes[0].type == .bigint || nodes[0].type == .double || nodes[0].isUnknown ? nil : "\(name) takes a number"
    }
    self.body = body
  }
}
