def show(folder):
    print(folder)
