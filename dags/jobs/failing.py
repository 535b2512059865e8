print("the last words of the driver")
raise SystemExit("failed on purpose")
