def panel(request):
    return {}
